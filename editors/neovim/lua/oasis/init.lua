-- OASIS in Neovim: finds code by meaning through the `oasis` language server.
--
-- One server for the whole Neovim, with every project as one of its workspace folders. Results keep the server's
-- order, best first; helpers that sort by file name are deliberately not used.

local M = {}

---@class oasis.Options
---@field cmd string[] the server's command
---@field root_markers string[] what marks the top folder of a project; without any the working directory is used
---@field settings table the server's settings, as docs and `oasis serve` know them
---@field limit integer most hits wanted
---@field picker "quickfix"|"select" where results are shown

---@type oasis.Options
local options = {
  cmd = { "oasis", "serve" },
  root_markers = { ".git", ".hg", "pyproject.toml", "package.json", "go.mod", "Cargo.toml" },
  settings = {},
  limit = 20,
  picker = "quickfix",
}

---@type table<string, table> folder URI -> last `oasis/statusChanged`
local folders = {}

local function client_of_this_nvim()
  return vim.lsp.get_clients({ name = "oasis" })[1]
end

local function say(message, level)
  vim.notify("OASIS: " .. message, level or vim.log.levels.INFO)
end

---The project that a buffer belongs to; nil for one that is outside of every project and the working directory.
local function root_of(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  if vim.bo[bufnr].buftype ~= "" or name:match("^%a[%w+.-]+://") then
    return nil
  end
  local root = vim.fs.root(bufnr, options.root_markers)
  if root then
    return root
  end
  local cwd = vim.fs.normalize(vim.fn.getcwd())
  local is_inside = name == "" or vim.startswith(vim.fs.normalize(name), cwd .. "/")
  return is_inside and cwd or nil
end

---Adds a project to the running server.
local function add_folder(client, root)
  local folder = { uri = vim.uri_from_fname(root), name = root }
  for _, known in ipairs(client.workspace_folders or {}) do
    if known.uri == folder.uri then
      return
    end
  end
  client.workspace_folders = client.workspace_folders or {}
  table.insert(client.workspace_folders, folder)
  client:notify("workspace/didChangeWorkspaceFolders", { event = { added = { folder }, removed = {} } })
end

local function reuse(client, config)
  if client.name ~= "oasis" or client:is_stopped() then
    return false
  end
  if config.root_dir then
    add_folder(client, config.root_dir)
  end
  return true
end

local function on_status_changed(_, status)
  folders[status.uri] = status
  vim.api.nvim_exec_autocmds("User", { pattern = "OasisStatusChanged", data = status })
end

local function server_config()
  return {
    name = "oasis",
    cmd = options.cmd,
    init_options = options.settings,
    handlers = { ["oasis/statusChanged"] = on_status_changed },
    reuse_client = reuse,
  }
end

---The running client, started on the working directory when no buffer started it yet.
local function ensure_client()
  local client = client_of_this_nvim()
  if client then
    return client
  end
  local config = server_config()
  config.root_dir = root_of(0) or vim.fn.getcwd()
  local id = vim.lsp.start(config, { attach = false, reuse_client = reuse })
  return id and vim.lsp.get_client_by_id(id)
end

---Calls `done` with the result of a request; errors are shown.
local function request(method, params, done)
  local client = ensure_client()
  if not client then
    say("the server did not start; see :checkhealth vim.lsp", vim.log.levels.ERROR)
    return
  end
  client:request(method, params, function(err, result)
    if err then
      say(err.message, vim.log.levels.ERROR)
    else
      done(result, client)
    end
  end, 0)
end

local function location_of(hit)
  return { uri = hit.uri, range = hit.selectionRange }
end

local function label_of(hit)
  local name = hit.containerName and (hit.containerName .. "." .. hit.name) or hit.name
  local first_line = vim.trim(hit.preview:match("[^\r\n]*") or "")
  local weight = hit.level or string.format("%3d%%", math.floor(100 * hit.probability + 0.5))
  return string.format("%s  %s  %s", weight, name, first_line)
end

---Quickfix items in the server's order.
local function items_of(hits, encoding)
  return vim.tbl_map(function(hit)
    local item = vim.lsp.util.locations_to_items({ location_of(hit) }, encoding)[1]
    item.text = label_of(hit)
    return item
  end, hits)
end

local function show_in_quickfix(words, hits, client)
  vim.fn.setqflist({}, " ", {
    title = "OASIS: " .. words,
    items = items_of(hits, client.offset_encoding),
    context = { oasis = hits },
  })
  vim.cmd("botright copen")
end

local function show_in_select(words, hits, client)
  vim.ui.select(hits, { prompt = "OASIS: " .. words, kind = "oasis", format_item = label_of }, function(hit)
    if hit then
      vim.lsp.util.show_document(location_of(hit), client.offset_encoding, { focus = true })
    end
  end)
end

---Searches and shows the hits, best first.
---@param words string the question in words, a name, or both
---@param more? { picker?: "quickfix"|"select", limit?: integer, languages?: string[], kinds?: string[], globs?: string[] }
function M.search(words, more)
  more = more or {}
  local params = {
    query = words,
    limit = more.limit or options.limit,
    languages = more.languages,
    kinds = more.kinds,
    globs = more.globs,
  }
  request("oasis/search", params, function(result, client)
    if #result.hits == 0 then
      say(result.message or ("nothing found for: " .. words))
      return
    end
    local show = (more.picker or options.picker) == "select" and show_in_select or show_in_quickfix
    show(words, result.hits, client)
  end)
end

---Finds code like the function at the cursor or, with a range of lines, like these lines.
---@param more? { picker?: "quickfix"|"select", limit?: integer, line1?: integer, line2?: integer }
function M.similar(more)
  more = more or {}
  local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, limit = more.limit or options.limit }
  local cursor = vim.api.nvim_win_get_cursor(0)
  if more.line1 then
    local last = vim.api.nvim_buf_get_lines(0, more.line2 - 1, more.line2, false)[1] or ""
    params.range = {
      start = { line = more.line1 - 1, character = 0 },
      ["end"] = { line = more.line2 - 1, character = #last },
    }
  else
    params.position = { line = cursor[1] - 1, character = cursor[2] }
  end
  request("oasis/similar", params, function(result, client)
    local hits = vim.list_extend(vim.deepcopy(result.copies), result.hits)
    if #hits == 0 then
      say(result.message or ("nothing is like " .. result.origin))
      return
    end
    local show = (more.picker or options.picker) == "select" and show_in_select or show_in_quickfix
    show("like " .. result.origin, hits, client)
  end)
end

---Shows how far each project is indexed.
function M.status()
  request("oasis/status", nil, function(result)
    local lines = { "OASIS " .. result.version }
    for _, folder in ipairs(result.folders) do
      local line = string.format(
        "%s: %s, %d of %d files, %d units",
        vim.uri_to_fname(folder.uri),
        folder.phase,
        folder.filesDone,
        folder.filesTotal,
        folder.coverage.units
      )
      for reason, count in vim.spairs(folder.problemCounts) do
        line = line .. string.format(", %d %s", count, reason)
      end
      table.insert(lines, folder.message ~= "" and (line .. ". " .. folder.message) or line)
    end
    vim.notify(table.concat(lines, "\n"))
  end)
end

---The last known state of each project, by folder URI; for a status line.
---@return table<string, table>
function M.folders()
  return folders
end

---Takes over options and starts the server with the first file of a project.
---@param opts? oasis.Options
function M.setup(opts)
  options = vim.tbl_deep_extend("force", options, opts or {})
  local config = server_config()
  if vim.lsp.config and vim.lsp.enable then
    config.root_dir = function(bufnr, start)
      local root = root_of(bufnr)
      if root then
        start(root)
      end
    end
    vim.lsp.config("oasis", config)
    vim.lsp.enable("oasis")
    return
  end
  vim.api.nvim_create_autocmd("FileType", {
    group = vim.api.nvim_create_augroup("oasis", { clear = true }),
    callback = function(event)
      local root = root_of(event.buf)
      if root then
        local started = vim.tbl_extend("force", config, { root_dir = root })
        vim.lsp.start(started, { bufnr = event.buf, reuse_client = reuse })
      end
    end,
  })
end

return M
