"""TLS: certificates and keys, and sockets that speak it. Imported when there is a certificate: `ssl` is dear."""
