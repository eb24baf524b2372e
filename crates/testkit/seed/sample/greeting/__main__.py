"""Command line: one name per argument."""

import sys

from greeting import greet

for name in sys.argv[1:]:
    print(greet(name))
