"""A capture sent onto an interface: as it was timed, at a stated rate, or as fast as the machine can."""
