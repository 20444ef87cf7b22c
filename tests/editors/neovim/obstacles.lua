-- What Neovim says when something stands in the server's way; the script's name of it comes in OASIS_TEST.

local given = vim.json.decode(vim.env.OASIS_TEST)
local said = {}
vim.notify = function(message)
  table.insert(said, message)
end

local function wait(what, condition)
  assert(vim.wait(60000, condition, 20), "waited in vain for " .. what .. ": " .. vim.inspect(said))
end

local function says(words)
  return function()
    return table.concat(said, "\n"):find(words, 1, true) ~= nil
  end
end

local function search()
  vim.cmd("OasisSearch wait longer after each failed attempt")
end

local function wait_for_hits(what)
  wait(what, function()
    search()
    vim.wait(1000, function() return #vim.fn.getqflist() > 0 end, 20)
    return #vim.fn.getqflist() > 0
  end)
end

local scenarios = {}

function scenarios.missing()
  require("oasis").setup({ cmd = { given.folder .. "/oasis", "serve" }, settings = { cacheDir = given.cache } })
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  vim.cmd.edit(given.root .. "/src/invoice.py") -- a second file is no second message
  wait("the message", says("was not found"))
  vim.wait(300)
  local quiet = #said
  assert(vim.uv.fs_symlink(given.command[1], given.folder .. "/oasis"))
  vim.cmd("OasisRestart")
  wait_for_hits("hits")
  return quiet
end

-- As in Neovim 0.10, as far as 0.11 can be that: no vim.lsp.config, and methods without their client.
function scenarios.older()
  local has = vim.fn.has
  vim.fn.has = function(feature)
    return feature == "nvim-0.11" and 0 or has(feature)
  end
  vim.lsp.config, vim.lsp.enable = nil, nil
  require("oasis").setup({ cmd = given.command, settings = { cacheDir = given.cache } })
  search() -- with no file open: nothing is attached
  wait("the server", function() return #vim.lsp.get_clients({ name = "oasis" }) == 1 end)
  local client = vim.lsp.get_clients({ name = "oasis" })[1]
  assert(#vim.tbl_keys(client.attached_buffers) == 0, "a buffer was attached")
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  wait_for_hits("hits")
  assert(#vim.lsp.get_clients({ name = "oasis" }) == 1, "a second server was started")
  vim.cmd("OasisRestart")
  return 0
end

function scenarios.foreign()
  require("oasis").setup({ cmd = given.foreign })
  search()
  wait("the message", says("offers no oasis/search"))
  vim.wait(500)
  local quiet = #vim.tbl_filter(function(message) return message:find("offers no", 1, true) end, said)
  said = {}
  search() -- whoever asks again is told again, and nothing is started
  wait("the answer to a question", says("offers no oasis/search"))
  return quiet
end

function scenarios.ending()
  require("oasis").setup({ cmd = given.ending })
  for _ = 1, 5 do
    search()
    local before = #said
    wait("the end", function() return #said > before end)
  end
  wait("the last message", says("ended 5 times"))
  search()
  vim.wait(500)
  return #vim.tbl_filter(function(message) return message:find("next question starts it again", 1, true) end, said)
end

function scenarios.ending_seldom()
  local now = vim.uv.now()
  vim.uv.now = function() return now end
  require("oasis").setup({ cmd = given.ending })
  for _ = 1, 7 do
    search()
    local before = #said
    wait("the end", function() return #said > before end)
    now = now + 60 * 1000
  end
  return #vim.tbl_filter(function(message) return message:find("next question starts it again", 1, true) end, said)
end

function scenarios.hung()
  local settings = { cacheDir = given.cache }
  require("oasis").setup({ cmd = { "sh", given.folder .. "/server" }, settings = settings })
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  wait("the server", function() return #vim.lsp.get_clients({ name = "oasis" }) == 1 end)
  assert(io.open(given.folder .. "/well", "w")):close()
  vim.cmd("OasisRestart")
  wait_for_hits("hits")
  return #vim.lsp.get_clients({ name = "oasis" })
end

function scenarios.unwritable()
  require("oasis").setup({ cmd = given.command, settings = { cacheDir = given.folder .. "/a-file/index" } })
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  wait("the message", says("cannot be opened"))
  wait_for_hits("hits all the same")
  return #vim.tbl_filter(function(message) return message:find("cannot be opened", 1, true) end, said)
end

function scenarios.vanished()
  require("oasis").setup({ cmd = given.command, settings = { cacheDir = given.cache } })
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  wait("the index", function()
    local folder = require("oasis").folders()[vim.uri_from_fname(given.root)]
    return folder and folder.phase == "ready"
  end)
  assert(vim.uv.fs_rename(given.root, given.root .. "-gone"))
  search()
  wait("the message", says("is gone"))
  assert(vim.uv.fs_rename(given.root .. "-gone", given.root))
  vim.cmd("OasisReindex")
  wait_for_hits("hits again")
  return 1
end

local ok, found = xpcall(scenarios[given.scenario], debug.traceback)
if not ok then
  io.stderr:write(found .. "\n" .. vim.inspect(said) .. "\n")
  vim.cmd("cquit 1")
end
local file = assert(io.open(given.result, "w"))
file:write(vim.json.encode({ count = found, said = said }))
file:close()
vim.cmd("qall!")
