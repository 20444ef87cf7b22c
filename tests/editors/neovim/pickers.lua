-- What the picker plugins are given. Stand-ins for them record it: their real windows need a terminal.

local given = vim.json.decode(vim.env.OASIS_TEST)
local seen = {}

local function stand_in(name, value)
  package.preload[name] = function()
    return value
  end
end

stand_in("telescope", {})
stand_in("telescope.config", { values = { grep_previewer = function() return "previewer" end } })
stand_in("telescope.finders", {
  new_table = function(options)
    return vim.tbl_map(options.entry_maker, options.results)
  end,
})
stand_in("telescope.sorters", { get_substr_matcher = function() return "in order" end })
stand_in("telescope.pickers", {
  new = function(_, options)
    return { find = function() seen.telescope = options end }
  end,
})
stand_in("fzf-lua", {
  defaults = { actions = { files = { default = "edit" } } },
  fzf_exec = function(lines, options)
    seen["fzf-lua"] = { lines = lines, options = options }
  end,
})
stand_in("snacks", {
  picker = {
    pick = function(options)
      options.line = options.format(options.items[1])[1][1]
      options.format = nil
      seen.snacks = options
    end,
  },
})

local hits = {}
for line, name in ipairs({ "third", "first", "second" }) do
  local range = { start = { line = line - 1, character = 4 }, ["end"] = { line = line - 1, character = 4 + #name } }
  hits[line] = {
    uri = vim.uri_from_fname(given.file),
    range = range,
    selectionRange = range,
    name = name,
    preview = "def " .. name,
    probability = 0.5,
  }
end
local client = { offset_encoding = "utf-16" }
for _, picker in ipairs({ "telescope", "fzf-lua", "snacks", "no-such-plugin" }) do
  require("oasis.hits").show(picker, "words", hits, client)
end
seen.quickfix = vim.tbl_map(function(item) return item.text end, vim.fn.getqflist())
local file = assert(io.open(given.result, "w"))
file:write(vim.json.encode(seen))
file:close()
vim.cmd("qall!")
