-- http.fields.disposition: what Koa sends for the same names and options.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local disposition = require("http.fields.disposition")
local misuse = require("spec.fields.misuse")

-- The name of the file, the options, the field as it goes on the wire.
local ROWS = {
  { nil, nil, "attachment" },
  { nil, { type = "inline" }, "inline" },
  { "plans.pdf", nil, 'attachment; filename="plans.pdf"' },
  { "plans.pdf", { type = "INLINE" }, 'inline; filename="plans.pdf"' },
  { "plans.pdf", { type = "x-own" }, 'x-own; filename="plans.pdf"' },
  { "/path/to/image.png", nil, 'attachment; filename="image.png"' },
  { "dir/", nil, 'attachment; filename="dir"' },
  { "a/b//", nil, 'attachment; filename="b"' },
  { "/", nil, "attachment; filename*=UTF-8''" },
  { "", nil, "attachment; filename*=UTF-8''" },
  { ".", nil, 'attachment; filename="."' },
  { "..", nil, 'attachment; filename=".."' },
  { 'the "plans".pdf', nil, 'attachment; filename="the \\"plans\\".pdf"' },
  { "back\\slash", nil, 'attachment; filename="back\\\\slash"' },
  { "the%20plans.pdf", nil, "attachment; filename=\"the%20plans.pdf\"; filename*=UTF-8''the%2520plans.pdf" },
  { "100%.txt", nil, 'attachment; filename="100%.txt"' },
  { "%zz%4", nil, 'attachment; filename="%zz%4"' },
  { "\194\163 rates.pdf", nil, 'attachment; filename="\163 rates.pdf"' },
  { "\226\130\172 rates.pdf", nil, "attachment; filename=\"? rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf" },
  {
    "\194\163 and \226\130\172 rates.pdf",
    nil,
    "attachment; filename=\"\163 and ? rates.pdf\"; filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates.pdf",
  },
  { "\194\171\195\191\194\187.txt", nil, 'attachment; filename="\171\255\187.txt"' },
  {
    "\230\151\165\230\156\172\232\170\158.txt",
    nil,
    "attachment; filename=\"???.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.txt",
  },
  {
    "\208\191\208\187\208\176\208\189\209\139.pdf",
    nil,
    "attachment; filename=\"?????.pdf\"; filename*=UTF-8''%D0%BF%D0%BB%D0%B0%D0%BD%D1%8B.pdf",
  },
  { "\240\159\152\128.png", nil, "attachment; filename=\"??.png\"; filename*=UTF-8''%F0%9F%98%80.png" },
  { "a\194\128b", nil, "attachment; filename=\"a?b\"; filename*=UTF-8''a%C2%80b" },
  { "a\194\160b", nil, 'attachment; filename="a\160b"' },
  { "tab\there", nil, "attachment; filename=\"tab?here\"; filename*=UTF-8''tab%09here" },
  {
    "line\r\nSet-Cookie: a=b",
    nil,
    "attachment; filename=\"line??Set-Cookie: a=b\"; filename*=UTF-8''line%0D%0ASet-Cookie%3A%20a%3Db",
  },
  { "\0", nil, "attachment; filename=\"?\"; filename*=UTF-8''%00" },
  { "\127", nil, "attachment; filename=\"?\"; filename*=UTF-8''%7F" },
  { "it's (a) *name*!~.txt", nil, "attachment; filename=\"it's (a) *name*!~.txt\"" },
  {
    "\226\130\172'()*!~;=,@",
    nil,
    "attachment; filename=\"?'()*!~;=,@\"; filename*=UTF-8''%E2%82%AC%27%28%29%2A!~%3B%3D%2C%40",
  },
  {
    "x[]{}<>?:y\226\130\172",
    nil,
    "attachment; filename=\"x[]{}<>?:y?\"; filename*=UTF-8''x%5B%5D%7B%7D%3C%3E%3F%3Ay%E2%82%AC",
  },
  {
    "\226\130\172 rates.pdf",
    { fallback = true },
    "attachment; filename=\"? rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf",
  },
  { "\226\130\172 rates.pdf", { fallback = false }, "attachment; filename*=UTF-8''%E2%82%AC%20rates.pdf" },
  { "\194\163 rates.pdf", { fallback = false }, 'attachment; filename="\163 rates.pdf"' },
  {
    "\226\130\172 rates.pdf",
    { fallback = "EURO rates.pdf" },
    "attachment; filename=\"EURO rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf",
  },
  {
    "\226\130\172 rates.pdf",
    { fallback = "\194\163 rates.pdf" },
    "attachment; filename=\"\163 rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf",
  },
  { "plain.pdf", { fallback = "other.pdf" }, "attachment; filename=\"other.pdf\"; filename*=UTF-8''plain.pdf" },
  { "plain.pdf", { fallback = "plain.pdf" }, 'attachment; filename="plain.pdf"' },
  { "plain.pdf", { fallback = 'dir/"o".pdf' }, "attachment; filename=\"\\\"o\\\".pdf\"; filename*=UTF-8''plain.pdf" },
  { "\226\130\172.pdf", { fallback = "" }, "attachment; filename=\"\"; filename*=UTF-8''%E2%82%AC.pdf" },
  { "\194\163.pdf", { fallback = "\194\163.pdf" }, 'attachment; filename="\163.pdf"' },
  { "\226\130\172%41.pdf", { fallback = false }, "attachment; filename*=UTF-8''%E2%82%AC%2541.pdf" },
  { "tab\there", { fallback = false }, "attachment; filename*=UTF-8''tab%09here" },
  { "", { fallback = false }, "attachment; filename*=UTF-8''" },
}

describe("disposition.format", function()
  it("gives the field for a name", function()
    for number, row in ipairs(ROWS) do
      assert.equal(row[3], disposition.format(row[1], row[2]), "row " .. number)
    end
  end)

  it("takes a name that is not UTF-8 for Latin-1", function()
    for name, expected in pairs({
      ["\233.txt"] = 'attachment; filename="\233.txt"',
      ["\195"] = 'attachment; filename="\195"',
      ["\195\169\233"] = 'attachment; filename="\195\169\233"',
      ["\128"] = "attachment; filename=\"?\"; filename*=UTF-8''%C2%80",
      ["%20\255"] = "attachment; filename=\"%20\255\"; filename*=UTF-8''%2520%C3%BF",
      -- Too long a form, a surrogate, beyond the last character, cut off.
      ["\192\175"] = 'attachment; filename="\192\175"',
      ["\224\160"] = 'attachment; filename="\224\160"',
      ["\237\160\160"] = 'attachment; filename="\237\160\160"',
      ["\244\144\160\160"] = "attachment; filename=\"\244?\160\160\"; filename*=UTF-8''%C3%B4%C2%90%C2%A0%C2%A0",
    }) do
      assert.equal(expected, disposition.format(name))
    end
  end)

  it("lets nothing out that could begin a line or end the quotes", function()
    for code = 0, 255 do
      local byte = string.char(code)
      local field = disposition.format("a" .. byte .. "b", { fallback = "c" })
      assert.is_nil(field:find("[%z\1-\31\127]"), code)
      local plain = disposition.format("a" .. byte .. "b")
      assert.is_nil(plain:find("[%z\1-\31\127]"), code)
      local inside = plain:gsub("\\.", ""):match('filename="([^"]*)"$')
        or plain:gsub("\\.", ""):match('filename="([^"]*)"; filename%*=')
        or plain:match('filename="(b)"')
      assert.is_string(inside, code)
    end
  end)

  it("throws at its caller's line if misused", function()
    local function check(words, ...)
      local arguments, count = { ... }, select("#", ...)
      misuse(function() disposition.format(unpack(arguments, 1, count)) end,
        "bad argument " .. words)
    end
    check("#1 to 'format' %(string or nil expected, got number%)", 1)
    check("#2 to 'format' %(table or nil expected, got string%)", "a", "inline")
    check("#2 to 'format' %(type: a token expected, got 'a b'%)", "a", { type = "a b" })
    check("#2 to 'format' %(type: a token expected, got ''%)", nil, { type = "" })
    check("#2 to 'format' %(type: a token expected, got '1'%)", nil, { type = 1 })
    check("#2 to 'format' %(fallback: string or boolean expected, got number%)", "a", { fallback = 1 })
    for _, fallback in ipairs({ "\226\130\172.txt", "a\nb", "\0", "\127", "\194\133" }) do
      check("#2 to 'format' %(fallback: a printable text in ISO%-8859%-1 expected%)", "a", { fallback = fallback })
    end
  end)
end)
