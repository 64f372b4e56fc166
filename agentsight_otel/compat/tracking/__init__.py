"""The parts of the tracker: its arguments as plain values, a bounded backlog, exchanges as spans, and its reports."""
