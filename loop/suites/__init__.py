"""Test runners: pytest through a recorder plugin, any other through its JUnit XML. Starts processes; judges nothing."""
