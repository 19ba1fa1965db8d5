"""Reports: pure renderers of a run's state, and the one module that writes them."""
