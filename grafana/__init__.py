"""Dashboards and alert rules for Grafana, written in Python and generated as JSON and YAML.

``python -m grafana.generate`` writes ``dashboards/`` and ``provisioning/alerting/``; a test holds them to this code.
"""
