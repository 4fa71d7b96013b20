"""What is computed. Arrays in, arrays out: no I/O, no logging, no exceptions, no clock."""
