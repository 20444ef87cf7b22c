"""Pieces of code that several tests look for."""

RETRY = '''\
"""Talking to unreliable services."""

import time


def call_with_backoff(action, attempts=5):
    """Try again after a failure, waiting twice as long each time."""
    delay = 0.1
    for attempt in range(attempts):
        try:
            return action()
        except ConnectionError:
            time.sleep(delay)
            delay *= 2
    raise TimeoutError("gave up")
'''

PATIENT = """\
import time


def patiently(job, tries=5):
    pause = 0.1
    for number in range(tries):
        try:
            return job()
        except ConnectionError:
            time.sleep(pause)
            pause *= 2
    raise TimeoutError("gave up")
"""
"""The same under other names, without documentation."""
