"""The listening room: a server for the browser. Routes parse a request, call one verb and answer."""
