"""``python -m ehttpd``: the same as the command ``ehttpd``."""

import sys

from ehttpd.cli import main

sys.exit(main())
