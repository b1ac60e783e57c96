-- Certificates that are wrong in every way in which one can be, and those that look alike and are right;
-- made once per process, beside those of certs.
-- SPDX-License-Identifier: MIT
--
--   matrix.NAME has cert_file and key_file, matrix.pin(cert) the pin of its key. matrix.stranger_ca_file is
--   the authority that nobody was told of, matrix.ca_path a folder with that of certs.

local certs = require("certs")
local raw = require("raw")

-- The sections are kinds of certificates. Those of `openssl ca` have what `openssl x509` cannot set:
-- when they begin and end.
local CONFIG = [[
[ req ]
distinguished_name = name
prompt = no
[ name ]
CN = matrix
[ authority ]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ host ]
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[ wildcard ]
subjectAltName = DNS:*.wild.test
[ first ]
subjectAltName = DNS:a.test
[ second ]
subjectAltName = DNS:*.b.test
[ nameless ]
basicConstraints = CA:FALSE
[ client ]
extendedKeyUsage = clientAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
[ ca ]
default_ca = dated
[ dated ]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
[ any ]
commonName = supplied
]]

local SCRIPT = [[
set -e
export OPENSSL_CONF="$PWD/openssl.cnf"
: >index.txt

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
ask() { key "$1"; openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"; }
# signed NAME COMMON_NAME KIND AUTHORITY
signed() {
  ask "$1" "$2"
  openssl x509 -req -in "$1.csr" -CA "$4.pem" -CAkey "$4.key" -set_serial "0x$(openssl rand -hex 8)" \
    -days 2 -extfile openssl.cnf -extensions "$3" -out "$1.pem"
}
# dated NAME COMMON_NAME KIND AUTHORITY FROM TO
dated() {
  ask "$1" "$2"
  openssl ca -batch -notext -cert "$4.pem" -keyfile "$4.key" -in "$1.csr" -out "$1.pem" \
    -startdate "$5" -enddate "$6" -extensions "$3"
}
# chain NAME LEAF OTHERS: one file of all, with the key of the first
chain() {
  name=$1
  shift
  cp "$1.key" "$name.key"
  for each; do cat "$each.pem"; done >"$name.pem"
}

cp ../ca.pem ../ca.key .
mkdir folder
cp ca.pem "folder/$(openssl x509 -hash -noout -in ca.pem).0"

dated expired localhost host ca 20200101000000Z 20200102000000Z
dated future localhost host ca 21000101000000Z 21000102000000Z
signed wildcard wildcard wildcard ca
signed nameless localhost nameless ca
signed client client client ca
cp client.pem locked.pem
openssl ec -in client.key -aes128 -passout pass:secret -out locked.key
signed first first first ca
signed second second second ca

signed middle "matrix intermediate" authority ca
signed unchained localhost host middle
chain chained unchained middle
dated past "matrix past" authority ca 20200101000000Z 20200102000000Z
signed of_past localhost host past
chain past_chain of_past past
signed of_leaf localhost host nameless
chain leaf_chain of_leaf nameless

key stranger_ca
openssl req -x509 -new -key stranger_ca.key -subj "/CN=matrix stranger" -days 2 \
  -extensions authority -out stranger_ca.pem
signed stranger localhost host stranger_ca
chain stranger_chain stranger stranger_ca
signed stranger_client client client stranger_ca
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function make()
  local dir = certs.dir .. "/matrix"
  local log = certs.dir .. "/matrix.log"
  assert(raw.run { "mkdir", dir } == 0)
  write(dir .. "/openssl.cnf", CONFIG)
  write(dir .. "/make.sh", SCRIPT)
  local status, message = raw.run { "sh", "-c", 'cd "$1" && . ./make.sh', "sh", dir, stdout = log }
  if status ~= 0 then
    error("certificates: " .. (message or read(log)))
  end

  local matrix = {
    stranger_ca_file = dir .. "/stranger_ca.pem",
    ca_path = dir .. "/folder",
    empty_path = dir,
    ca_data = read(certs.ca_file),
  }
  for _, name in ipairs {
    "expired", "future", "wildcard", "nameless", "client", "locked", "first", "second", "unchained", "chained",
    "past_chain", "leaf_chain", "stranger", "stranger_chain", "stranger_client",
  } do
    matrix[name] = { cert_file = dir .. "/" .. name .. ".pem", key_file = dir .. "/" .. name .. ".key" }
  end

  -- As curl's manual makes it.
  function matrix.pin(cert)
    local out = dir .. "/pin"
    assert(raw.run {
      "sh", "-c", 'openssl x509 -in "$1" -pubkey -noout | openssl pkey -pubin -outform der | ' ..
      'openssl dgst -sha256 -binary | openssl base64', "sh", cert.cert_file, stdout = out,
    } == 0)
    return "sha256//" .. read(out):match("%S+")
  end

  return matrix
end

-- busted forgets between files what was required; raw.cache stays.
raw.cache.cert_matrix = raw.cache.cert_matrix or make()
return raw.cache.cert_matrix
