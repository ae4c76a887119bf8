"""Run the daemon again and again, and kill it each time: `python -m tests.imap.killing CONFIG`.

A line on standard input is how many seconds the next one may live, or 0 for as long as it wants;
the answer is `killed` or `ended`. All of them are forked from here, for importing takes a second.
"""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from dsnwatch.config import loading
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.service.daemon import serve
from dsnwatch.service.parts import Loaded
from dsnwatch.store import open_store


def main() -> None:
    """Obey until the end of standard input."""
    configuration = loading.load(Path(sys.argv[1]))
    loaded = Loaded(
        configuration,
        Reader.load(None),
        Policy.of(configuration.settings.policy, configuration.file.place),
    )
    logging.basicConfig(filename=sys.argv[2], level=logging.WARNING)
    url = configuration.store_url()
    assert url is not None
    for line in sys.stdin:
        lives = float(line)
        child = os.fork()
        if child == 0:
            serve(lambda: loaded, open_store(url))
            os._exit(0)
        if lives:
            time.sleep(lives)
            os.kill(child, signal.SIGKILL)
        else:
            signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))  # noqa: B023  this one
            sys.stdout.write("running\n")  # from here on it can be ended
            sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("killed\n" if lives else "ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
