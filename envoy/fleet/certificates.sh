#!/bin/sh
# Certificates for a first try: an authority, etcd's, one for the operator, one for each proxy that is
# named. What etcd calls its user is the name in the certificate, so a proxy's name is its etcd user.
#
#   sh envoy/fleet/certificates.sh FOLDER PROXY…
#
# Where there is an authority already (cert-manager, Vault, the mesh's own), take its certificates: with
# the proxy's name as common name, and short-lived, for etcd asks nobody whether one was revoked.
set -eu
folder=$1
shift
# The hosts and addresses under which etcd is reached.
hosts=${ETCD_HOSTS:-DNS:etcd,DNS:localhost,IP:127.0.0.1}

umask 077
mkdir -p "$folder"
cd "$folder"

new_key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# NAME EXTENSIONS
signed() {
	new_key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	printf '%s\n' "$2" > "$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" \
		-days 90 -sha256 -extfile "$1.ext" -out "$1.pem" 2> "$1.log" || { cat "$1.log" >&2; exit 1; }
	rm "$1.csr" "$1.ext" "$1.log"
}

new_key ca
openssl req -x509 -new -key ca.key -subj "/CN=llm-breaker fleet" -days 365 -sha256 -out ca.pem
# Its own gateway asks etcd with the same certificate, so it is a client's, too.
signed etcd "subjectAltName=$hosts
extendedKeyUsage=serverAuth,clientAuth"
for name in root "$@"; do
	signed "$name" "extendedKeyUsage=clientAuth"
done
