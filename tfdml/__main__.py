"""`python -m tfdml` is the `tfdml` command."""

import sys

from tfdml_command import main

sys.exit(main())
