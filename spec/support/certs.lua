-- Certificates for the specs: a private authority and what it signs, made once per process, in a
-- directory that goes away with it.
-- SPDX-License-Identifier: MIT
--
--   certs.ca_file, certs.server, certs.self_signed, certs.expired, certs.wrong_host
--
-- Each but the first has cert_file and key_file, as raw.listen{ tls = … } takes them.

local raw = require("raw")

local NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
local WRONG = "DNS:wrong.test"

-- `openssl ca` is the one command that signs for a time that is over.
local CONFIG = [[
[ req ]
distinguished_name = name
prompt = no
[ name ]
CN = moonwire spec
[ authority ]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ right ]
subjectAltName = ]] .. NAMES .. [[

[ wrong ]
subjectAltName = ]] .. WRONG .. [[

[ ca ]
default_ca = past
[ past ]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
[ any ]
commonName = supplied
]]

local SCRIPT = [[
set -e
export OPENSSL_CONF="$PWD/openssl.cnf"
: >index.txt

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
ask() { key "$1"; openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"; }
sign() {
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial "$3" -days 2 \
    -extfile openssl.cnf -extensions "$2" -out "$1.pem"
}

key ca
openssl req -x509 -new -key ca.key -subj "/CN=moonwire spec authority" -days 2 \
  -extensions authority -out ca.pem
ask server localhost
sign server right 2
ask wrong_host wrong.test
sign wrong_host wrong 3
ask expired localhost
openssl ca -batch -notext -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem \
  -startdate 20200101000000Z -enddate 20200102000000Z -extensions right
key self_signed
openssl req -x509 -new -key self_signed.key -subj /CN=localhost -days 2 \
  -extensions right -out self_signed.pem
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

local function make()
  local dir = raw.mkdtemp()
  local log = dir .. "/log"
  write(dir .. "/openssl.cnf", CONFIG)
  write(dir .. "/make.sh", SCRIPT)
  local status, message = raw.run({ "sh", "-c", 'cd "$1" && . ./make.sh', "sh", dir, stdout = log })
  if status ~= 0 then
    local file = io.open(log)
    error("certificates: " .. (message or file and file:read("*a") or "failed"))
  end

  local certs = { dir = dir, ca_file = dir .. "/ca.pem" }
  for _, name in ipairs({ "server", "self_signed", "expired", "wrong_host" }) do
    local stem = dir .. "/" .. name
    certs[name] = { cert_file = stem .. ".pem", key_file = stem .. ".key" }
  end
  return certs
end

-- busted forgets between files what was required; raw.cache stays.
raw.cache.certs = raw.cache.certs or make()
return raw.cache.certs
