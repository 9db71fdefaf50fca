"""SCIM 2.0 as plain values: no table of ours, no request (RFC 7643, RFC 7644)."""
