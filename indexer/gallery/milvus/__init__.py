"""Galleries in a Milvus server, for more images than one machine holds (extra `scale`)."""
