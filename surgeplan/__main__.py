"""`python -m surgeplan`."""

import sys

from surgeplan.cli import main

sys.exit(main())
