"""What scripts/make-pcaps records: the stage (namespaces, tcpdump, sockets) and one module a family of dialects."""
