ui = false
api_addr = "https://10.77.0.10:8200"
storage "inmem" {}
listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/srv/rack/state/vault/certificate.pem"
  tls_key_file  = "/srv/rack/state/vault/key.pem"
}
