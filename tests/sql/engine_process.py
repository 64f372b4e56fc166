"""A ClickHouse of another release in this process: run by the Python of an environment that has it (package chdb).

It reads a JSON string a line, a statement, and writes {"text": …} (JSONCompact, or nothing) or {"error": …}. It imports
nothing of this repository.
"""

import json
import os
import sys
from typing import Any


def main() -> None:
    """Answers until its input ends; its argument is a folder for the data."""
    # The engine reads the rows of an INSERT from the standard input, too, and would wait there.
    statements = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from chdb import session

    engine = session.Session(sys.argv[1])
    engine.query("SET output_format_json_quote_64bit_integers = 0")
    for line in statements:
        answer: dict[str, Any]
        try:
            answer = {"text": str(engine.query(json.loads(line), "JSONCompact"))}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
