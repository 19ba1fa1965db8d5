"""What people and pipes see of a run: observers of its events, and text for single commands. Decides nothing."""
