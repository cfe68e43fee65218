"""Builds and changes galleries in a Milvus store (extra `scale`)."""
