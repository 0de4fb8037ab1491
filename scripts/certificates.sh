# Sourced by other scripts: a throw-away authority, and a certificate for this machine.

# make_certificates FOLDER
#
# Writes ca.pem, server.pem and server.key, valid for 30 days for localhost and the loopback
# addresses. The authority's key is removed, so that it signs nothing else.
make_certificates() {
    local folder=$1 curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    chmod 700 "$folder"
    cat >"$folder/server.ext" <<'EOT'
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
EOT
    {
        openssl req -x509 "${curve[@]}" -keyout "$folder/ca.key" -out "$folder/ca.pem" -days 30 \
            -subj "/CN=Tickcast demonstration" -addext "basicConstraints = critical, CA:TRUE" &&
            openssl req "${curve[@]}" -keyout "$folder/server.key" -out "$folder/server.csr" \
                -subj "/CN=localhost" &&
            openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" \
                -CAkey "$folder/ca.key" -days 30 -extfile "$folder/server.ext" \
                -out "$folder/server.pem"
    } 2>"$folder/openssl.log" || fail "openssl cannot make certificates: $(tail -1 "$folder/openssl.log")"
    rm "$folder"/{ca.key,server.csr,server.ext,openssl.log}
}
