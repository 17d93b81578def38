"""The command line of the example: python manage.py --help."""

import os

from tornadopy.management.cli import main

if __name__ == "__main__":
    os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")
    main()
