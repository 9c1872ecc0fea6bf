// Makes Azurite keep what it has acknowledged, as Azure Storage does, even when it is killed.
//
// Azurite writes the bytes of a blob to disk before it answers, but what it knows about blobs only every five seconds
// (lokijs 1.5, `autosaveInterval` in its Loki*MetadataStore.js): killed in between, it forgets whole blobs. Preloaded by
// `node --require`, this file has every change of those databases written to a journal beside them before the answer
// leaves; a start reads database and journal, a save of the database makes the journal so far unnecessary.
"use strict";

const fs = require("fs");
const { createRequire } = require("module");

const Loki = createRequire(process.argv[1])("lokijs");
const Collection = Loki.Collection;

class Journal {
  // Changes since the last save are in `<database>.journal`; those that a save under way covers in `….saving`.
  constructor(database) {
    this.current = `${database.filename}.journal`;
    this.saving = `${this.current}.saving`;
    this.file = null;
  }

  write(entry) {
    this.file ??= fs.openSync(this.current, "a");
    fs.writeSync(this.file, `${JSON.stringify(entry)}\n`);
  }

  read() {
    const lines = [this.saving, this.current].flatMap((path) => (fs.existsSync(path) ? readLines(path) : []));
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return []; // cut short by the end of the process: nobody was told that it was done
      }
    });
  }

  // Call when the database is serialised: an earlier save may have failed, so what it covered is still needed.
  beginSave() {
    if (this.file !== null) fs.closeSync(this.file);
    this.file = null;
    if (!fs.existsSync(this.current)) return;
    fs.appendFileSync(this.saving, `\n${fs.readFileSync(this.current, "utf8")}`);
    fs.unlinkSync(this.current);
  }

  endSave() {
    fs.rmSync(this.saving, { force: true });
  }
}

const journals = new WeakMap(); // by database
const journalOf = new WeakMap(); // by collection
const loading = new WeakSet();

function readLines(path) {
  return fs.readFileSync(path, "utf8").split("\n");
}

function journal(database) {
  if (!journals.has(database)) journals.set(database, new Journal(database));
  return journals.get(database);
}

// Apply a change to a database as it was read: the last change of each document decides, so what the database already
// holds may come again.
function apply(database, entry) {
  const named = (collection) => collection.name === (entry.in ?? entry.dropped ?? entry.made.name);
  const collection = database.collections.find(named);
  if (entry.made) {
    if (!collection) database.collections.push(entry.made);
  } else if (entry.dropped) {
    database.collections = database.collections.filter((each) => !named(each));
  } else if (collection) {
    const ids = new Set(entry.gone ?? [entry.put.$loki]);
    const at = collection.data.findIndex((document) => ids.has(document.$loki));
    if (entry.gone) collection.data = collection.data.filter((document) => !ids.has(document.$loki));
    else if (at >= 0) collection.data[at] = entry.put;
    else collection.data.push(entry.put);
    if (entry.put) collection.maxId = Math.max(collection.maxId, entry.put.$loki);
  }
}

// Replace a method by one that is given the original.
function around(prototype, name, replacement) {
  const original = prototype[name];
  prototype[name] = function (...values) {
    return replacement.call(this, original, ...values);
  };
}

around(Loki.prototype, "loadJSONObject", function (load, database, options) {
  for (const entry of journal(this).read()) apply(database, entry);
  loading.add(this);
  load.call(this, database, options);
  loading.delete(this);
  for (const collection of this.collections) {
    collection.ensureId();
    collection.ensureAllIndexes(true);
  }
});

around(Loki.prototype, "addCollection", function (add, name, options) {
  const isNew = !this.collections.some((collection) => collection.name === name);
  const collection = add.call(this, name, options);
  journalOf.set(collection, journal(this));
  if (isNew && !loading.has(this)) {
    journal(this).write({ made: JSON.parse(JSON.stringify(collection, this.serializeReplacer)) });
  }
  return collection;
});

around(Loki.prototype, "removeCollection", function (remove, name) {
  remove.call(this, name);
  journal(this).write({ dropped: name });
});

around(Loki.prototype, "saveDatabaseInternal", function (save, callback) {
  journal(this).beginSave();
  save.call(this, (error) => {
    if (!error) journal(this).endSave();
    if (callback) callback(error);
    else if (error) throw error;
  });
});

around(Collection.prototype, "insertOne", function (insert, ...values) {
  const document = insert.apply(this, values);
  if (document) journalOf.get(this).write({ in: this.name, put: document });
  return document;
});

around(Collection.prototype, "update", function (update, document) {
  const updated = update.call(this, document);
  if (!Array.isArray(document)) journalOf.get(this).write({ in: this.name, put: updated });
  return updated;
});

around(Collection.prototype, "remove", function (remove, document) {
  const id = typeof document === "number" ? document : document.$loki;
  const removed = remove.call(this, document);
  if (!Array.isArray(document)) journalOf.get(this).write({ in: this.name, gone: [id] });
  return removed;
});

around(Collection.prototype, "removeBatchByPositions", function (remove, positions) {
  this.ensureId();
  const gone = positions.map((position) => this.idIndex[position]);
  remove.call(this, positions);
  if (gone.length > 0) journalOf.get(this).write({ in: this.name, gone });
});
