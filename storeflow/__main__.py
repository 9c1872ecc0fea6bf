"""`python -m storeflow`: the command line, where the command `storeflow` is not on the path."""

from storeflow.cli.main import main

raise SystemExit(main())
