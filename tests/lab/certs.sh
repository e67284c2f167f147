#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# certs.sh DIRECTORY NAME IP: the lab's own CA (ca.pem) and certificates of it for the mirror:
# good.pem, wrong-name.pem, expired.pem; and stranger.pem of a CA that nobody trusts.
set -euo pipefail
directory=$1 name=$2 ip=$3
umask 077
cd "$directory"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

authority() {
    key "$1.key"
    openssl req -x509 -new -key "$1.key" -out "$1.pem" -days 30 -subj "/CN=k3wizard lab: $1" \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
}

# certificate CA FILE SANS FROM TO
certificate() {
    key "$2.key"
    openssl req -new -key "$2.key" -subj "/CN=k3wizard lab: $2" -out "$2.csr"
    printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' "$3" >"$2.ext"
    : >index
    cat >ca.conf <<CONF
[ca]
default_ca = lab
[lab]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
CONF
    openssl ca -batch -notext -config ca.conf -cert "$1.pem" -keyfile "$1.key" -in "$2.csr" \
        -out "$2.crt" -extfile "$2.ext" -startdate "$4" -enddate "$5" 2>"$2.log" ||
        { cat "$2.log" >&2; return 1; }
    cat "$2.crt" "$1.pem" "$2.key" >"$2.pem"
}

day() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
yesterday=$(day '1 day ago')
later=$(day '30 days')
authority ca
authority stranger-ca
certificate ca good "DNS:$name,IP:$ip" "$yesterday" "$later"
certificate ca wrong-name "DNS:somewhere-else.lab" "$yesterday" "$later"
certificate ca expired "DNS:$name,IP:$ip" "$(day '20 days ago')" "$(day '10 days ago')"
certificate stranger-ca stranger "DNS:$name,IP:$ip" "$yesterday" "$later"
