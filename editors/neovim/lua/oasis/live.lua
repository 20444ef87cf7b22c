-- Search while you type: a prompt, the list in the server's order, and a preview beside it.
--
-- Every change asks anew after a short rest; the newest question wins, and older ones are cancelled.

local hits_shown = require("oasis.hits")
local server = require("oasis.server")

local M = {}

local marks = vim.api.nvim_create_namespace("oasis.live")

---@class oasis.Live
---@field hits table[]
---@field chosen integer
---@field asked integer number of the newest question
---@field cancel fun()
local Live = {}
Live.__index = Live

local function scratch(filetype)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].filetype = filetype
  return buffer
end

---Three floating windows over the middle of the screen.
local function layout()
  local width = math.max(40, math.floor(0.9 * vim.o.columns))
  local height = math.max(8, math.floor(0.8 * vim.o.lines))
  local top = math.max(0, math.floor((vim.o.lines - height) / 2) - 1)
  local left = math.max(0, math.floor((vim.o.columns - width) / 2))
  local list_width = math.floor(width * 0.45)
  local function place(row, column, columns, rows, title)
    return {
      relative = "editor",
      style = "minimal",
      border = "rounded",
      row = top + row,
      col = left + column,
      width = columns,
      height = rows,
      title = title,
    }
  end
  return {
    prompt = place(0, 0, list_width, 1, " OASIS: find code by meaning "),
    list = place(3, 0, list_width, height - 5, nil),
    preview = place(0, list_width + 2, width - list_width - 4, height - 2, " "),
  }
end

function Live:select(number)
  if #self.hits == 0 then
    return
  end
  self.chosen = (number - 1) % #self.hits + 1
  vim.api.nvim_win_set_cursor(self.list_window, { self.chosen, 0 })
  self:preview()
end

---The text of a file as it is in the editor, else on disk.
local function lines_of(path)
  local buffer = vim.fn.bufnr(path)
  if buffer > 0 and vim.api.nvim_buf_is_loaded(buffer) then
    return vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
  end
  local read, lines = pcall(vim.fn.readfile, path)
  return read and lines or { path .. " cannot be read." }
end

function Live:preview()
  local hit = self.hits[self.chosen]
  local buffer = vim.api.nvim_win_get_buf(self.preview_window)
  if not hit then
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, {})
    return
  end
  local path = vim.uri_to_fname(hit.uri)
  if self.shown ~= path then
    self.shown = path
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines_of(path))
    local filetype = vim.filetype.match({ filename = path }) or ""
    if not pcall(vim.treesitter.start, buffer, vim.treesitter.language.get_lang(filetype) or filetype) then
      vim.bo[buffer].syntax = filetype
    end
  end
  vim.api.nvim_win_set_config(self.preview_window, { title = " " .. vim.fn.fnamemodify(path, ":~:.") .. " " })
  local first, last = hit.range.start.line, hit.range["end"].line
  local n_lines = vim.api.nvim_buf_line_count(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, marks, 0, -1)
  for line = first, math.min(last, n_lines - 1) do
    vim.api.nvim_buf_set_extmark(buffer, marks, line, 0, { line_hl_group = "CursorLine" })
  end
  vim.api.nvim_win_call(self.preview_window, function()
    vim.fn.winrestview({ lnum = math.min(first + 1, n_lines), topline = math.max(1, first - 2), col = 0 })
  end)
end

function Live:list(message)
  local lines = vim.tbl_map(hits_shown.label_of, self.hits)
  vim.api.nvim_buf_set_lines(self.list_buffer, 0, -1, false, #lines > 0 and lines or { message or "" })
  self.chosen = 1
  vim.api.nvim_win_set_cursor(self.list_window, { 1, 0 })
  self:preview()
end

function Live:ask()
  self.cancel()
  self.asked = self.asked + 1
  local number = self.asked
  local words = vim.trim(vim.api.nvim_buf_get_lines(self.prompt_buffer, 0, 1, false)[1] or "")
  self.words = words
  if words == "" then
    self.hits = {}
    self:list()
    return
  end
  local token = tostring(number)
  local function show(result, client)
    if number == self.asked and vim.api.nvim_win_is_valid(self.list_window) then
      self.hits, self.client = result.hits, client
      self:list(result.message or "nothing found")
    end
  end
  server.streams = { [token] = show } -- of the newest question alone
  local params = { query = words, limit = server.options.limit, streamToken = token }
  self.cancel = server.request("oasis/search", params, function(result, client)
    server.streams[token] = nil -- the answer of the table may not come behind it
    show(result, client)
  end)
end

function Live:close()
  if self.is_closed then
    return
  end
  self.is_closed = true
  self.asked = self.asked + 1
  self.cancel()
  self.timer:stop()
  self.timer:close()
  vim.cmd.stopinsert()
  for _, window in ipairs({ self.prompt_window, self.list_window, self.preview_window }) do
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
  end
end

---Closes the picker and shows the chosen hit in a window made by `command`.
function Live:accept(command)
  local hit, client = self.hits[self.chosen], self.client
  self:close()
  if hit then
    if command then
      vim.cmd(command)
    end
    hits_shown.open(hit, client)
  end
end

---Closes the picker and keeps the hits in the quickfix window.
function Live:keep()
  local hits, client, words = self.hits, self.client, self.words
  self:close()
  if #hits > 0 then
    hits_shown.show_in_quickfix(words, hits, client)
  end
end

function Live:map()
  local function on(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set({ "i", "n" }, key, action, { buffer = self.prompt_buffer, nowait = true })
    end
  end
  on({ "<Down>", "<C-n>", "<C-j>" }, function()
    self:select(self.chosen + 1)
  end)
  on({ "<Up>", "<C-p>", "<C-k>" }, function()
    self:select(self.chosen - 1)
  end)
  on({ "<CR>" }, function()
    self:accept()
  end)
  on({ "<C-v>" }, function()
    self:accept("vsplit")
  end)
  on({ "<C-x>", "<C-s>" }, function()
    self:accept("split")
  end)
  on({ "<C-t>" }, function()
    self:accept("tab split")
  end)
  on({ "<C-q>" }, function()
    self:keep()
  end)
  on({ "<Esc>", "<C-c>" }, function()
    self:close()
  end)
end

---Opens the picker.
---@param words string to begin with
function M.open(words)
  server.ensure_client() -- before the prompt, which belongs to no project, is the current buffer
  local places = layout()
  local live = setmetatable({ hits = {}, chosen = 1, asked = 0, cancel = function() end, words = words }, Live)
  live.timer = assert(vim.uv.new_timer())
  live.prompt_buffer, live.list_buffer = scratch("oasis-prompt"), scratch("oasis-list")
  live.preview_window = vim.api.nvim_open_win(scratch(""), false, places.preview)
  live.list_window = vim.api.nvim_open_win(live.list_buffer, false, places.list)
  live.prompt_window = vim.api.nvim_open_win(live.prompt_buffer, true, places.prompt)
  vim.wo[live.list_window].cursorline = true
  vim.wo[live.list_window].wrap = false
  vim.wo[live.preview_window].wrap = false
  vim.api.nvim_buf_set_lines(live.prompt_buffer, 0, -1, false, { words })
  live:map()
  vim.api.nvim_create_autocmd({ "TextChanged", "TextChangedI", "TextChangedP" }, {
    buffer = live.prompt_buffer,
    callback = function()
      live.timer:start(server.options.debounce_ms, 0, vim.schedule_wrap(function()
        if not live.is_closed then
          live:ask()
        end
      end))
    end,
  })
  vim.api.nvim_create_autocmd("WinLeave", {
    buffer = live.prompt_buffer,
    callback = vim.schedule_wrap(function()
      live:close()
    end),
  })
  vim.cmd("startinsert!")
  if words ~= "" then
    live:ask()
  end
  return live
end

return M
