"""What loop costs, measured beside the bare programs in the same run: `python -m bench`.

May import loop, never the tests.
"""
