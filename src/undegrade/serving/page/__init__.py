"""The web page: the same queue, limits and jobs as the API, asked for with a mouse or a thumb."""
