module.exports = Object.fromEntries([["handler", async () => "seen at run time only"]]);
