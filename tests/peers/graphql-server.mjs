// People by GraphQL, in connections with cursors: `graphql-http` and `graphql-relay` are the reference
// implementations of GraphQL over HTTP and of such connections. Its argument is the token that it asks
// for.
import { createRequire } from 'node:module';
import http from 'node:http';

const require = createRequire(`${process.cwd()}/`);
const {
  GraphQLBoolean,
  GraphQLID,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
} = require('graphql');
const { createHandler } = require('graphql-http/lib/use/http');
const { connectionArgs, connectionDefinitions, connectionFromArray } = require('graphql-relay');

const token = process.argv[2];
const people = new Map();

const person = new GraphQLObjectType({
  name: 'Person',
  fields: { id: { type: new GraphQLNonNull(GraphQLID) }, name: { type: GraphQLString } },
});
const { connectionType } = connectionDefinitions({ nodeType: person });

const query = new GraphQLObjectType({
  name: 'Query',
  fields: {
    people: {
      type: connectionType,
      args: connectionArgs,
      resolve: (_, args) => connectionFromArray([...people.values()], args),
    },
  },
});
const id = { type: new GraphQLNonNull(GraphQLID) };
const mutation = new GraphQLObjectType({
  name: 'Mutation',
  fields: {
    put: {
      type: person,
      args: { id, name: { type: GraphQLString } },
      resolve: (_, given) => people.set(given.id, given).get(given.id),
    },
    remove: { type: GraphQLBoolean, args: { id }, resolve: (_, given) => people.delete(given.id) },
  },
});

const answer = createHandler({ schema: new GraphQLSchema({ query, mutation }) });
const server = http.createServer((request, response) => {
  if (request.headers.authorization === `Bearer ${token}`) return answer(request, response);
  return response.writeHead(401).end();
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
