-- Writes what the fuzzers begin with, made from the table of hostile messages: `luajit spec/fuzz/seeds.lua
-- DIRECTORY`, into a folder for each target. The two bytes at the end of each say where it is cut.
-- SPDX-License-Identifier: MIT

package.path = "spec/support/?.lua;" .. package.path
local hostile = require("hostile")

local directory = assert(arg[1], "usage: luajit spec/fuzz/seeds.lua DIRECTORY")
local LONGEST = 400
local WHOLE = { url = true, cookie = true, challenge = true } -- these are not cut

local written, counts = {}, {}

local function write(target, bytes)
  if #bytes > LONGEST or written[target .. " " .. bytes] then
    return
  end
  written[target .. " " .. bytes] = true
  counts[target] = (counts[target] or 0) + 1
  if counts[target] == 1 then
    assert(os.execute(("mkdir -p '%s/%s'"):format(directory, target)))
  end
  local cut = math.floor(#bytes / 2)
  local path = ("%s/%s/%03d"):format(directory, target, counts[target])
  local file = assert(io.open(path, "wb"))
  file:write(bytes, WHOLE[target] and "" or string.char(math.floor(cut / 256), cut % 256))
  file:close()
end

-- The behaviour of a whole message is of interest where another reader is asked, too.
local function write_message(message)
  local bytes = message.bytes:gsub(hostile.SMUGGLED:gsub("%p", "%%%0") .. "$", "")
  write(message.kind, bytes)
  write("llhttp", bytes)
  local head, body = bytes:match("^(.-\r\n\r\n)(.*)$")
  if head and head:lower():find("transfer-encoding: chunked\r\n", 1, true) then
    write("chunked", body)
  end
  for value in bytes:gmatch(":[ \t]*([^\r\n]+)\r?\n") do
    write("value", value)
  end
  local target = bytes:match("^%S+ (%S+) HTTP")
  if target then
    write("url", target:find("://", 1, true) and target or "http://x:8080" .. target)
  end
end

-- What is coded, behind the number of its coding in decode.c: "hi", of which two are gzip within zstd and br
-- within gzip.
for number, hex in pairs {
  [0] = "1f8b0800000000000203cbc80400ac2a93d802000000", [1] = "789ccbc80400013b00d2", [2] = "8b0080686903",
  [3] = "28b52ffd04581100006869fa3826ea", [6] = "1f8b0800000000000203eb6668c8c86406004fe81e4306000000",
  [4] = "28b52ffd0458b100001f8b0800000000000203cbc80400ac2a93d802000000a7c614b4", [9] = "cbc80400",
} do
  write("decode", string.char(number) .. hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

for _, message in ipairs(hostile.messages) do
  write_message(message)
end
for _, url in ipairs {
  "HTTPS://[::1]:443?a#b", "http://a.b.c/%20;d=e?f=g&h#i", "x+y-z.1://h:65535",
  "http://[::1%25lo]/", "http://h:65536/", "http://:80/", "http://a:b@c/", "http://[::1", "http://[::1]x", "a:b",
  "../g?y#s\nhttp://a/b/c/d", "//[fe80::1%25lo]:81/x\nhttps://h", "http://0x7f.1/%2e%2E/a b",
  "file:/a/../b", "a+b:/.//c",
  "http://u:p@\195\169.\227\128\130x/\195", "mailto:a@b?c", "#f\nmailto:a@b",
  "\\\\h\\..\\x\nwss://a", " http:\thttp:/\r ",
} do
  write("url", url)
end
for _, cookie in ipairs {
  "a=b; Domain=.example.com; Path=/x; Secure; HttpOnly; SameSite=Lax", "__Host-a=b; Path=/; Max-Age=100; Partitioned",
  "a=b; Expires=Sun, 06 Nov 2033 08:49:37 GMT; SameSite=None", "Sunday, 06-Nov-94 08:49:37 GMT",
  "Sun Nov  6 08:49:37 1994", "=b; Max-Age=-1", " \t a = b ; ; =", "a=b; Domain=1.2.3.4", "a=b; Path=/x/y/z",
} do
  write("cookie", cookie)
end
for _, text in ipairs {
  'Basic realm="a, \\"b\\""', "Negotiate abc==, NTLM, Basic realm=x,charset = UTF-8",
  'Digest realm="r",nonce="n",qop="auth, auth-int",'
    .. 'algorithm=SHA-512-256-sess,stale=true,userhash=true,opaque=""',
  "Digest a=b,,c=d, Newauth e", 'nextnonce="x", rspauth=""',
  'machine h login "a\\n b" password p # x\ndefault login d account c',
  "macdef m\nput\n\nmachine h login l password p\n",
} do
  write("challenge", text)
end
