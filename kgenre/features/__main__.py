"""The command of this package: `python -m kgenre.features` is `kgenre features`."""

import sys

from kgenre.features.draw import main

if __name__ == "__main__":
    sys.exit(main())
