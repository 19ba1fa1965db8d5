"""Pure values and rules: no clock, disk, network, process or terminal is imported here."""
