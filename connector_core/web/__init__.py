"""The web host: the pages and the JSON API through which people use a `Host` in a browser."""
