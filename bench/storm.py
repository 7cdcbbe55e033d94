"""The long form of the kill storm (the short form is tests/faults/test_faults.py); starts its own PostgreSQL.

.venv/bin/python bench/storm.py --rows 6000 --seconds 100
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.storm import main

if __name__ == "__main__":
    sys.exit(main())
