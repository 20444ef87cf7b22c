-- Hits in the windows of picker plugins: in the server's order, whatever is typed to narrow the list.

local hits_shown = require("oasis.hits")

local M = {}

---@param title string
---@param items table[] quickfix items
function M.telescope(title, items)
  local previewer = require("telescope.config").values.grep_previewer({})
  local finder = require("telescope.finders").new_table({
    results = items,
    entry_maker = function(item)
      return {
        value = item,
        display = item.text,
        ordinal = item.text,
        filename = item.filename,
        lnum = item.lnum,
        lnend = item.end_lnum,
        col = item.col,
      }
    end,
  })
  local options = {
    prompt_title = "OASIS: " .. title,
    finder = finder,
    previewer = previewer,
    sorter = require("telescope.sorters").get_substr_matcher(), -- the only one that leaves the order alone
  }
  require("telescope.pickers").new({}, options):find()
end

M["fzf-lua"] = function(title, items)
  local lines = vim.tbl_map(function(item)
    return string.format("%s:%d:%d: %s", item.filename, item.lnum, item.col, item.text)
  end, items)
  require("fzf-lua").fzf_exec(lines, {
    prompt = "OASIS: " .. title .. "> ",
    previewer = "builtin",
    actions = require("fzf-lua").defaults.actions.files,
    fzf_opts = { ["--no-sort"] = true, ["--delimiter"] = ":", ["--with-nth"] = "4.." },
  })
end

function M.snacks(title, items)
  require("snacks").picker.pick({
    title = "OASIS: " .. title,
    items = vim.tbl_map(function(item)
      return {
        text = item.text,
        file = item.filename,
        pos = { item.lnum, item.col - 1 },
        end_pos = { item.end_lnum, item.end_col - 1 },
      }
    end, items),
    format = function(item)
      return { { item.text } }
    end,
    preview = "file",
    confirm = "jump",
    matcher = { sort_empty = false },
    sort = { fields = { "idx" } },
  })
end

---Shows hits by a plugin; false when it is not installed.
---@param name string
---@return boolean
function M.show(name, title, hits, client)
  local show = M[name]
  if type(show) ~= "function" or not pcall(require, name) then
    return false
  end
  show(title, hits_shown.items_of(hits, client.offset_encoding))
  return true
end

return M
