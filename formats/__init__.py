"""What bytes and columns look like. Opens no file, keeps no state, reads no clock."""
