"""The embedded store in Elasticsearch's REST dialect, under `/es/`: what its official clients and curl speak.

Answers, errors and status codes have Elasticsearch's shapes; what is not supported is answered with an error that names
it. docs/search.md lists what there is.
"""
