using Engine.Cli;
using Engine.Cli.Console;

return CommandLine.Run(args, CommandHost.OfProcess());
