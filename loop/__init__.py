"""loop: build, deploy, test, judge, report, fix, and turn again."""
