"""docs/prometheus/ with a real Prometheus."""
