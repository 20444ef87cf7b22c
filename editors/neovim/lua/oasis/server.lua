-- The one server of this Neovim, with every project as one of its workspace folders.

local M = {}

---@alias oasis.Picker "quickfix"|"select"|"telescope"|"fzf-lua"|"snacks"

---@class oasis.Options
---@field cmd string[] the server's command
---@field root_markers string[] what marks the top folder of a project; without any the working directory is used
---@field settings table the server's settings, as docs and `oasis serve` know them
---@field limit integer most hits wanted
---@field picker oasis.Picker where results are shown
---@field debounce_ms integer how long the live picker waits for the next key

---@type oasis.Options
M.options = {
  cmd = { "oasis", "serve" },
  root_markers = { ".git", ".hg", "pyproject.toml", "package.json", "go.mod", "Cargo.toml" },
  settings = {},
  limit = 20,
  picker = "quickfix",
  debounce_ms = 60,
}

---@type table<string, table> folder URI -> last `oasis/statusChanged`
M.folders = {}

---@type table<string, fun(result: table, client: vim.lsp.Client)> token -> what waits for early answers
M.streams = {}

local request_cancelled = -32800 -- LSP, RequestCancelled

-- So many ends of the server within this time, and only :OasisRestart starts it.
local max_ends, ends_within_ms = 5, 3 * 60 * 1000

---@type integer[] when the server ended lately, in ms
local ends = {}
local is_leaving = false

---@type string? why there is no server, once that was said
local obstacle

---@type table<string, true> what was said of folders
local told = {}

local function client_of_this_nvim()
  return vim.lsp.get_clients({ name = "oasis" })[1]
end

function M.say(message, level)
  vim.notify("OASIS: " .. message, level or vim.log.levels.INFO)
end

---The project that a buffer belongs to; nil for one that is outside of every project and the working directory.
local function root_of(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  if vim.bo[bufnr].buftype ~= "" or name:match("^%a[%w+.-]+://") then
    return nil
  end
  local root = vim.fs.root(bufnr, M.options.root_markers)
  if root then
    return root
  end
  local cwd = vim.fs.normalize(vim.fn.getcwd())
  local is_inside = name == "" or vim.startswith(vim.fs.normalize(name), cwd .. "/")
  return is_inside and cwd or nil
end

---Calls a method of a client, which Neovim 0.10 wants without the client itself.
local function call(client, method, ...)
  if vim.fn.has("nvim-0.11") == 1 then
    return client[method](client, ...)
  end
  return client[method](...)
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
  call(client, "notify", "workspace/didChangeWorkspaceFolders", { event = { added = { folder }, removed = {} } })
end

local function reuse(client, config)
  if client.name ~= "oasis" or call(client, "is_stopped") then
    return false
  end
  if config.root_dir then
    add_folder(client, config.root_dir)
  end
  return true
end

---Says once why there is no server; what comes by itself does not try again.
local function give_up(sentence)
  if not obstacle then
    obstacle = sentence
    M.say(sentence .. " Then :OasisRestart.", vim.log.levels.ERROR)
  end
end

---Whether a server can be started; says once why not.
local function can_start()
  if obstacle then
    return false
  end
  local program = M.options.cmd[1]
  if vim.fn.executable(program) == 1 then
    return true
  end
  give_up(
    string.format(
      "the server %q was not found. Install it (pip install oasis-code-search) or give its path: "
        .. 'require("oasis").setup({ cmd = { "/path/to/oasis", "serve" } }).',
      program
    )
  )
  return false
end

local function on_init(client)
  local oasis = (client.server_capabilities.experimental or {}).oasis or {}
  if not vim.list_contains(oasis.methods or {}, "oasis/search") then
    local version = oasis.version or "unknown"
    give_up("this server (version " .. version .. ") offers no oasis/search. Update it: pip install -U oasis-code-search.")
    call(client, "stop", true)
  end
end

local function on_exit(code, signal)
  vim.schedule(function()
    M.folders = {}
    if is_leaving or obstacle or (code == 0 and signal == 0) then
      return
    end
    local now = vim.uv.now()
    ends = vim.tbl_filter(function(ended)
      return now - ended < ends_within_ms
    end, ends)
    table.insert(ends, now)
    if #ends >= max_ends then
      give_up(string.format("the server ended %d times and is left alone now; see :OasisLog.", #ends))
    else
      M.say(string.format("the server ended (code %d); the next question starts it again.", code), vim.log.levels.WARN)
    end
  end)
end

local function on_status_changed(_, status)
  M.folders[status.uri] = status
  if status.message ~= "" and not told[status.uri .. status.message] then
    told[status.uri .. status.message] = true
    M.say(status.message .. " (:OasisStatus, :OasisReindex)", vim.log.levels.WARN)
  end
  vim.api.nvim_exec_autocmds("User", { pattern = "OasisStatusChanged", data = status })
end

local function on_search_stream(_, params, context)
  local show = M.streams[params.token]
  if show then
    show(params.result, vim.lsp.get_client_by_id(context.client_id))
  end
end

local function server_config()
  return {
    name = "oasis",
    cmd = M.options.cmd,
    -- An empty table would travel as a list, which is no settings.
    init_options = next(M.options.settings) and M.options.settings or vim.empty_dict(),
    handlers = { ["oasis/statusChanged"] = on_status_changed, ["oasis/searchStream"] = on_search_stream },
    reuse_client = reuse,
    on_init = on_init,
    on_exit = on_exit,
  }
end

---The running client, started on the working directory when no buffer started it yet.
function M.ensure_client()
  local client = client_of_this_nvim()
  if client then
    return client
  end
  if not can_start() then
    return nil
  end
  local config = server_config()
  config.root_dir = root_of(0) or vim.fn.getcwd()
  local id
  if vim.fn.has("nvim-0.11") == 1 then
    id = vim.lsp.start(config, { attach = false, reuse_client = reuse })
  else
    id = vim.lsp.start_client(config) -- `start` would attach whatever buffer is shown
  end
  return id and vim.lsp.get_client_by_id(id)
end

---Calls `done` with the result of a request and the client; errors are shown, but not those of cancelled ones.
---@return fun() cancel
function M.request(method, params, done)
  local client = M.ensure_client()
  if not client then
    M.say(obstacle or "the server did not start; see :OasisLog", vim.log.levels.ERROR)
    return function() end
  end
  local _, id = call(client, "request", method, params, function(err, result)
    if not err then
      done(result, client)
    elseif err.code ~= request_cancelled then
      M.say(err.message, vim.log.levels.ERROR)
    end
  end, 0)
  return function()
    if id then
      call(client, "cancel_request", id)
    end
  end
end

---Ends the server and starts it again, whatever stood in the way before.
function M.restart()
  local old = client_of_this_nvim()
  obstacle, ends, told = nil, {}, {}
  if old then
    local function has_ended()
      return client_of_this_nvim() == nil
    end
    call(old, "stop")
    if not vim.wait(5000, has_ended, 20) then
      old.rpc.terminate() -- it no longer answers; a second `stop` does nothing, even with force
      vim.wait(5000, has_ended, 20)
    end
  end
  local new = M.ensure_client()
  if new then
    for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
      if vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].buftype == "" and root_of(buffer) then
        vim.lsp.buf_attach_client(buffer, new.id)
      end
    end
  end
end

---Takes over options and starts the server with the first file of a project.
---@param opts? oasis.Options
function M.setup(opts)
  M.options = vim.tbl_deep_extend("force", M.options, opts or {})
  obstacle, ends, told = nil, {}, {}
  local group = vim.api.nvim_create_augroup("oasis", { clear = true })
  vim.api.nvim_create_autocmd("VimLeavePre", {
    group = group,
    callback = function()
      is_leaving = true
    end,
  })
  local config = server_config()
  if vim.lsp.config and vim.lsp.enable then
    config.root_dir = function(bufnr, start)
      local root = root_of(bufnr)
      if root and can_start() then
        start(root)
      end
    end
    vim.lsp.config("oasis", config)
    vim.lsp.enable("oasis")
    -- Neovim passes over a program that is missing in silence, and does not ask for the root then.
    vim.api.nvim_create_autocmd("FileType", {
      group = group,
      callback = function(event)
        if root_of(event.buf) then
          can_start()
        end
      end,
    })
    return
  end
  vim.api.nvim_create_autocmd("FileType", {
    group = group,
    callback = function(event)
      local root = root_of(event.buf)
      if root and can_start() then
        local started = vim.tbl_extend("force", config, { root_dir = root })
        vim.lsp.start(started, { bufnr = event.buf, reuse_client = reuse })
      end
    end,
  })
end

return M
