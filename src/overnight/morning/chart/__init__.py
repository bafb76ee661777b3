"""The staircase chart: worked out in `staircase.py`, laid out in `scene.py`, drawn as SVG, PNG or characters."""
