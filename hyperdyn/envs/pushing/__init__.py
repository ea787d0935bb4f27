"""Object pushing in PyBullet."""
