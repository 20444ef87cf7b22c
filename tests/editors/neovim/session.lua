-- One session as a user has it; what was seen is written to a file that the Python test reads.

local given = vim.json.decode(vim.env.OASIS_TEST)
local seen = {}
local patience_ms = 60000

local function wait(what, condition)
  assert(vim.wait(patience_ms, condition, 20), "waited in vain for " .. what)
end

local function cursor()
  local place = vim.api.nvim_win_get_cursor(0)
  return { vim.fs.basename(vim.api.nvim_buf_get_name(0)), place[1], place[2] }
end

local function is_ready(root)
  local folder = require("oasis").folders()[vim.uri_from_fname(root)]
  return folder and folder.phase == "ready"
end

---Runs :OasisSearch until the best hit is in `file`, then jumps there.
local function search(words, file)
  local list
  wait(words, function()
    vim.fn.setqflist({}, "f")
    vim.cmd("OasisSearch " .. words)
    vim.wait(5000, function()
      list = vim.fn.getqflist({ items = 0, title = 0, context = 0 })
      return #list.items > 0
    end, 10)
    return list.items[1] and vim.fs.basename(vim.api.nvim_buf_get_name(list.items[1].bufnr)) == file
  end)
  vim.cmd("cfirst")
  vim.cmd("cclose")
  return list
end

local function session()
  local said, progress = {}, {}
  vim.notify = function(message)
    table.insert(said, message)
  end
  vim.api.nvim_create_autocmd("LspProgress", {
    callback = function(event)
      table.insert(progress, event.data.params.value.kind)
    end,
  })
  require("oasis").setup({ cmd = given.command }) -- the index lies where the user's settings.toml says
  vim.cmd("filetype on")
  vim.cmd.edit(given.root .. "/src/retry.py")
  wait("the index", function()
    return is_ready(given.root)
  end)

  local list = search("wait longer after each failed attempt", "retry.py")
  seen.by_meaning = {
    title = list.title,
    files = vim.tbl_map(function(item)
      return vim.fs.basename(vim.api.nvim_buf_get_name(item.bufnr))
    end, list.items),
    order_of_server = vim.tbl_map(function(hit)
      return vim.fs.basename(vim.uri_to_fname(hit.uri))
    end, list.context.oasis),
    cursor = cursor(),
  }

  vim.fn.setqflist({}, "f")
  vim.cmd("OasisSimilar")
  wait("similar code", function()
    return #vim.fn.getqflist() > 0
  end)
  local alike = vim.fn.getqflist({ items = 0, title = 0 })
  seen.similar = { title = alike.title, text = alike.items[1].text, files = #alike.items }
  vim.cmd("cclose")

  search("haversine great-circle distance on earth", "distance.js")
  seen.emoji = cursor()

  vim.cmd.edit(given.root .. "/src/retry.py")
  vim.api.nvim_buf_set_lines(0, 0, 1, false, { "", "def feed_elephants(keeper):", "    keeper.bring_hay()", "", "import time" })
  search("bring hay to the elephants", "retry.py")
  wait("the unsaved function", function()
    search("feed_elephants bring hay to the elephants", "retry.py")
    return cursor()[2] == 2
  end)
  seen.unsaved = cursor()

  vim.cmd("hide edit " .. given.second .. "/tide.py")
  wait("the second project", function()
    return is_ready(given.second)
  end)
  search("when is the next high tide", "tide.py")
  seen.second = cursor()
  seen.clients = #vim.lsp.get_clients({ name = "oasis" })

  local label
  vim.ui.select = function(items, opts, choose)
    label = opts.format_item(items[1])
    choose(items[1])
  end
  vim.cmd("OasisSearch! total_with_tax of an invoice")
  wait("the menu", function()
    return label ~= nil
  end)
  seen.menu = { label = label, cursor = cursor() }

  local picker = require("oasis.live").open("")
  local function type_words(words)
    vim.api.nvim_buf_set_lines(picker.prompt_buffer, 0, -1, false, { words })
    vim.api.nvim_exec_autocmds("TextChangedI", { buffer = picker.prompt_buffer })
  end
  type_words("total of an inv") -- a question that the next one overtakes
  vim.wait(70, function() end)
  type_words("wait longer after each failed attempt")
  wait("the live list", function()
    return picker.words:find("failed attempt") and picker.hits[1] and vim.endswith(picker.hits[1].uri, "retry.py")
  end)
  local preview = vim.api.nvim_win_get_buf(picker.preview_window)
  seen.live = {
    lines = #vim.api.nvim_buf_get_lines(picker.list_buffer, 0, -1, false),
    hits = #picker.hits,
    preview = table.concat(vim.api.nvim_buf_get_lines(preview, 0, -1, false), "\n"),
    marks = #vim.api.nvim_buf_get_extmarks(preview, vim.api.nvim_get_namespaces()["oasis.live"], 0, -1, {}),
  }
  picker:select(0) -- before the first comes the last
  seen.live.wraps = picker.chosen == #picker.hits
  picker:select(1)
  picker:accept("split")
  seen.live.cursor = cursor()
  seen.live.windows_left = #vim.api.nvim_tabpage_list_wins(0)
  vim.cmd.only({ bang = true })

  vim.fn.setqflist({}, "f")
  vim.cmd("OasisDuplicates renamed")
  wait("the copies", function()
    return #vim.fn.getqflist() > 0
  end)
  local copies = vim.fn.getqflist({ items = 0, title = 0 })
  seen.duplicates = { title = copies.title, texts = vim.tbl_map(function(item) return item.text end, copies.items) }
  vim.cmd("cclose")

  -- Every edit above starts a round of indexing, and the status rightly says so while it lasts.
  wait("both projects to be ready", function()
    said = {}
    vim.cmd("OasisStatus")
    wait("the status", function()
      return #said > 0
    end)
    seen.status = said[#said]
    return select(2, seen.status:gsub(": ready,", "")) == 2
  end)
  local function statusline_of(folders)
    require("oasis.server").folders = folders
    return require("oasis").statusline()
  end
  local real = require("oasis").folders()
  seen.statusline = {
    statusline_of(real),
    statusline_of({ a = { phase = "indexing", filesDone = 21, filesTotal = 50 }, b = { phase = "ready" } }),
    statusline_of({ a = { phase = "paused" } }),
  }
  statusline_of(real)

  said = {}
  require("oasis").search("  ")
  wait("the message", function()
    return #said > 0
  end)
  seen.empty = said[#said]

  wait("the end of the progress", function()
    return progress[#progress] == "end"
  end)
  seen.progress = table.concat(progress, " ")

  for _, client in ipairs(vim.lsp.get_clients({ name = "oasis" })) do
    client:stop()
  end
  wait("the server's end", function()
    return #vim.lsp.get_clients({ name = "oasis" }) == 0
  end)
end

local ok, problem = xpcall(session, debug.traceback)
if not ok then
  io.stderr:write(problem .. "\n" .. vim.inspect(seen) .. "\n")
  vim.cmd("cquit 1")
end
local file = assert(io.open(given.result, "w"))
file:write(vim.json.encode(seen))
file:close()
vim.cmd("qall!")
