"""What `make fuzz` consists of: cases by kind, the way they take, and what must hold for each."""
