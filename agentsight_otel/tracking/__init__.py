"""What the tracker is made of: arguments to plain values, a bounded backlog, exchanges to spans, reports."""
