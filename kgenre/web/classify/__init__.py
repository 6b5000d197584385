"""Songs classified in the browser and by a JSON API: uploads, limits, the page."""
